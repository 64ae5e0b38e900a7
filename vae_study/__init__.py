"""What stands behind the chapters on claims: measures, records, the table of claims, the trainings.

For those who want to check the study or to extend it; readers of the chapters need ``vae_helpers`` alone.
"""
