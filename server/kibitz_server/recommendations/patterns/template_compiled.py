"""Templates compiled for every request."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="template_compiled",
    name="Templates compiled for every request",
    description=("A template made of a string is parsed and compiled to Python code each time."),
    steps=(
        "Keep one environment, and templates in files: it remembers them compiled.",
        "Keep the template object in a variable.",
    ),
    frames=(
        ("jinja2.environment:Environment.compile",),
        ("jinja2.environment:Environment.from_string",),
        ("django.template.base:Template.compile_nodelist",),
        ("mako.template:_compile*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;jinja2.environment:Environment.compile": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;jinja2.environment:Environment.compile": 5,
        "app:main;app:template_compiled": 990,
    },
)
