"""The platform's own rules for django-q2: only its jobs run, and what a store holds is data.

`offered` lists the jobs, `purge` is one of them, `broker` hands them out by name, `results` reads what finished jobs left, `admin` shows both to operators.
"""
