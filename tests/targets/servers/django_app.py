from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from work import busy_request

settings.configure(
    SECRET_KEY="of a test",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["kibitz_agent.integrations.django.KibitzConfig"],
)


def index(request):
    return HttpResponse(busy_request())


urlpatterns = [path("", index)]
app = get_wsgi_application()
