"""What runs in the child process: TensorFlow, tf_keras and TensorFlow Model Optimization.

No module of the library imports this one: these packages change environment variables and what
`tf.keras` is.
"""
