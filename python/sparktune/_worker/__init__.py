"""What runs where trials run: on an executor, or in a worker process.

These modules travel to workers by value, since sparktune need not be installed there, so they
import the standard library and one another only (NumPy and MLflow only inside functions).
In come pickled objectives and values, out go pickled answers.
"""
