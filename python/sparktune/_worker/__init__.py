"""What runs where trials run: on an executor, or in a worker process.

These modules travel to workers by value, because sparktune need not be installed there. They import
the standard library and one another only; NumPy, MLflow, pyarrow and pyspark are imported inside
functions. They receive pickled objectives and values and return pickled answers.
"""
