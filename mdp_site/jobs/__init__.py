"""The platform's own rules for django-q2: only its jobs run, and what a store holds is data.

`broker` hands out jobs by name, `results` reads what finished jobs left, `admin` shows both to operators.
"""
