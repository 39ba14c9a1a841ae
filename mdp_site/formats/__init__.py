"""How pages write dates and times. Django finds these modules by the setting FORMAT_MODULE_PATH."""
