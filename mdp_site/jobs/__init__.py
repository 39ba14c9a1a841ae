"""The platform's rules for django-q2: only the platform's jobs run, and stored jobs are read as data.

`offered` lists the jobs; `purge` is one of them. `broker` stores and returns jobs by name. `steering` follows
the settings in the parent of the processes, and `passed_on` passes them on to its children; `children` is
what those do besides their jobs. `results` reads the results of finished jobs, and `schedules` when jobs ran
and will run. `admin` has the pages for operators.
"""
