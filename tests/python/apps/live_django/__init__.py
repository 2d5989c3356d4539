"""A Django project whose tests have a live server of Outrider's: see test_django_live_server.py, which runs them."""
