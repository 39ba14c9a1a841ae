"""The platform's rules for django-q2: only the platform's jobs run, and stored jobs are read as data.

`offered` lists the jobs: `purge` and `retention` delete what is old, `settings_backup` writes a
`settings_file`, `health_summary` sums up a day, `calendar_check` looks ahead. `installation` reads
what all processes report. `settings_restore` brings a file back.

`steering` follows the settings in the parent of the processes, and `passed_on` passes them on to its
children; `children` is what those do besides their jobs. `broker` stores and returns jobs by name. `actions`
lets operators run one now. `results` reads the results of finished jobs, `outcomes` says them in a line, and
`schedules` when jobs ran and will run; `intervals` bounds how often. `admin` has the pages for operators.
"""
