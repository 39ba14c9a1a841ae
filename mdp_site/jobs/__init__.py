"""The platform's own rules for django-q2: only its jobs run, and what a store holds is data.

`offered` lists the jobs and `purge` is one of them. `broker` hands jobs out by name, `results` reads what
finished ones left, `admin` shows both to operators.
"""
