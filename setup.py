"""Build of keras_shiftadd.

Metadata lives in pyproject.toml. This file says which packages there are: custom_ops/ and tuners/
stand at the top of the tree and are reached through the links keras_shiftadd/custom_ops and
keras_shiftadd/tuners, so that find_packages sees one package tree, from the repository root, in
an editable install, in a wheel and in an sdist alike.
"""

from setuptools import find_packages, setup

setup(
    packages=find_packages(include=["keras_shiftadd", "keras_shiftadd.*"]),
    package_data={"keras_shiftadd": ["py.typed"]},
)
