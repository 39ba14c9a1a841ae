"""Pages of the widget room."""

from django.urls import path

from widgets import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
]
