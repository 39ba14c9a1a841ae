"""`manage.py run_processor` and `manage.py run_scanner`."""
