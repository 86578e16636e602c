"""Templates compiled for every request: the problem, and its repair."""

from jinja2 import Template

READY = Template("{% for i in n %}<li>{{ i }}</li>{% endfor %}")


def wasteful():
    Template("{% for i in n %}<li>{{ i }}</li>{% endfor %}").render(n=range(5))


def repaired():
    READY.render(n=range(5))
