"""The operator's pages of the admin: settings of a service, its revisions, actions and their runs.

Settings and arguments are declared once, and `fields` makes the field of a form from each declaration. Every
change is a POST, goes through `mdp_site.control_plane`, and is answered by a redirect to a page that shows
what became of it. Everything works without a script.
"""
