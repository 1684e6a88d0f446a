"""The admin application under the name of FiLot; its site is filot.site, which needs the models to be loaded."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "filot.site.ConsoleSite"
