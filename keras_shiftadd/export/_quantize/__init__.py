"""Makes an int8 network of a Keras model."""
