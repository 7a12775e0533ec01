"""The training toolkit that runs inside a container: /opt/ml in, the user's script, a result out.

Standard library only and no word of the host side, so an image that holds it also runs on
SageMaker. Modules on the way to the script's first line import little: each costs every job.
"""
