"""Calls that are going away."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import method
from kibitz_reviewer.engines.call_table import CallTable
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Severity

#: What only has another name now.
RENAMED = {
    "logging.warn": "warning",
    "logging.getLogger().warn": "warning",
    "threading.currentThread": "current_thread",
    "threading.activeCount": "active_count",
    "threading.Thread().isAlive": "is_alive",
    "array.array().tostring": "tobytes",
    "array.array().fromstring": "frombytes",
    "base64.encodestring": "encodebytes",
    "base64.decodestring": "decodebytes",
    "os.getcwdu": "getcwd",
    "numpy.product": "prod",
    "numpy.cumproduct": "cumprod",
    "numpy.sometrue": "any",
    "numpy.alltrue": "all",
    "pandas.DataFrame().iteritems": "items",
    "django.utils.encoding.force_text": "force_str",
    "django.utils.encoding.smart_text": "smart_str",
    "django.utils.translation.ugettext": "gettext",
    "django.utils.translation.ugettext_lazy": "gettext_lazy",
}

#: Methods of `unittest.TestCase` that 3.12 no longer has.
TESTS = {
    "assertEquals": "assertEqual",
    "assertNotEquals": "assertNotEqual",
    "assertAlmostEquals": "assertAlmostEqual",
    "assertNotAlmostEquals": "assertNotAlmostEqual",
    "assertRegexpMatches": "assertRegex",
    "assertNotRegexpMatches": "assertNotRegex",
    "assertRaisesRegexp": "assertRaisesRegex",
    "assertItemsEqual": "assertCountEqual",
    "assert_": "assertTrue",
    "failUnless": "assertTrue",
    "failUnlessEqual": "assertEqual",
    "failIf": "assertFalse",
}


class DeprecatedCall(CallTable):
    """Function is deprecated: it will go, or is gone in newer versions.

    Code that uses it breaks with an upgrade that somebody else may make.

    Use what took its place.
    """

    severity = Severity.LOW
    cwe = (477,)
    aliases = ("python/deprecated-method@v1.0",)
    fix = Applicability.SAFE
    fix_title = "Use its new name"
    noncompliant = (
        """
        import threading
        import time

        def work(job):
            start = time.clock()  # finding
            print(threading.currentThread().name)  # finding
            return job(), time.clock() - start  # finding
        """,
        """
        from inspect import getargspec

        def names(function):
            return getargspec(function).args  # finding
        """,
        """
        import asyncio
        import unittest

        @asyncio.coroutine  # finding
        def wait(seconds):
            yield seconds

        class WaitTest(unittest.TestCase):
            def test_wait(self):
                self.assertEquals(list(wait(1)), [1])  # finding
        """,
    )
    compliant = (
        """
        import threading
        import time

        def work(job):
            start = time.perf_counter()
            print(threading.current_thread().name)
            return job(), time.perf_counter() - start
        """,
        """
        class Watch:
            def clock(self):
                return 0

            def assertEquals(self, left, right):
                return left == right

            def check(self):
                return self.assertEquals(self.clock(), 0)

        time = Watch()
        print(time.clock())
        """,
    )

    table = {
        "datetime.datetime.utcnow": "`datetime.now(timezone.utc)`",
        "datetime.datetime.utcfromtimestamp": "`datetime.fromtimestamp(t, timezone.utc)`",
        "inspect.getargspec": "`inspect.signature`",
        "inspect.formatargspec": "`inspect.signature`",
        "platform.linux_distribution": "the `distro` package",
        "platform.dist": "the `distro` package",
        "platform.popen": "`subprocess.run`",
        "asyncio.async": "`asyncio.ensure_future`",
        "asyncio.coroutine": "`async def`",
        "time.clock": "`time.perf_counter`",
        "cgi.escape": "`html.escape`",
        "cgi.parse_qs": "`urllib.parse.parse_qs`",
        "cgi.parse_qsl": "`urllib.parse.parse_qsl`",
        "cgi.FieldStorage": "a web framework's form",
        "os.popen2": "`subprocess.run`",
        "os.popen3": "`subprocess.run`",
        "os.popen4": "`subprocess.run`",
        "os.getcwdu": "`os.getcwd`",
        "os.errno": "`errno`",
        "os.tmpnam": "`tempfile.mkstemp`",
        "os.tempnam": "`tempfile.mkstemp`",
        "string.maketrans": "`str.maketrans`",
        "string.letters": "`string.ascii_letters`",
        "string.join": "`str.join`",
        "string.lower": "`str.lower`",
        "string.upper": "`str.upper`",
        "string.split": "`str.split`",
        "string.replace": "`str.replace`",
        "string.atoi": "`int`",
        "base64.encodestring": "`base64.encodebytes`",
        "base64.decodestring": "`base64.decodebytes`",
        "array.array().tostring": "`tobytes`",
        "array.array().fromstring": "`frombytes`",
        "threading.currentThread": "`threading.current_thread`",
        "threading.activeCount": "`threading.active_count`",
        "threading.Thread().isAlive": "`is_alive`",
        "threading.Thread().setDaemon": "`daemon=True`",
        "threading.Thread().getName": "`name`",
        "threading.Thread().setName": "`name`",
        "threading.Thread().isDaemon": "`daemon`",
        "logging.warn": "`logging.warning`",
        "logging.getLogger().warn": "`warning`",
        "xml.etree.cElementTree.parse": "`xml.etree.ElementTree`",
        "collections.Mapping": "`collections.abc.Mapping`",
        "collections.Callable": "`collections.abc.Callable`",
        "imp.load_source": "`importlib.util`",
        "imp.load_module": "`importlib.util`",
        "imp.find_module": "`importlib.util.find_spec`",
        "imp.reload": "`importlib.reload`",
        "imp.new_module": "`types.ModuleType`",
        "pkgutil.find_loader": "`importlib.util.find_spec`",
        "pkgutil.get_loader": "`importlib.util.find_spec`",
        "ssl.wrap_socket": "`ssl.SSLContext.wrap_socket`",
        "ssl.match_hostname": "a context that checks",
        "locale.getdefaultlocale": "`locale.getlocale`",
        "locale.format": "`locale.format_string`",
        "gettext.lgettext": "`gettext.gettext`",
        "fractions.gcd": "`math.gcd`",
        "random.jumpahead": "`random.seed`",
        "plistlib.readPlist": "`plistlib.load`",
        "plistlib.writePlist": "`plistlib.dump`",
        "html.parser.HTMLParser().unescape": "`html.unescape`",
        "unittest.makeSuite": "`TestLoader.loadTestsFromTestCase`",
        "unittest.findTestCases": "`TestLoader`",
        "distutils.version.LooseVersion": "`packaging.version`",
        "distutils.version.StrictVersion": "`packaging.version`",
        "distutils.core.setup": "`setuptools.setup`",
        "distutils.spawn.find_executable": "`shutil.which`",
        "asyncio.get_event_loop_policy": "`asyncio.Runner`",
        "abc.abstractproperty": "`property` over `abstractmethod`",
        "abc.abstractclassmethod": "`classmethod` over `abstractmethod`",
        "abc.abstractstaticmethod": "`staticmethod` over `abstractmethod`",
        "importlib.find_loader": "`importlib.util.find_spec`",
        "binascii.b2a_hqx": "nothing",
        "smtpd.SMTPServer": "`aiosmtpd`",
        "asyncore.dispatcher": "`asyncio`",
        "sys.exc_clear": "nothing",
        "numpy.int": "`int`",
        "numpy.float": "`float`",
        "numpy.bool": "`bool`",
        "numpy.object": "`object`",
        "numpy.asscalar": "`item()`",
        "numpy.product": "`numpy.prod`",
        "numpy.cumproduct": "`numpy.cumprod`",
        "numpy.sometrue": "`numpy.any`",
        "numpy.alltrue": "`numpy.all`",
        "numpy.in1d": "`numpy.isin`",
        "numpy.trapz": "`numpy.trapezoid`",
        "pandas.DataFrame().append": "`pandas.concat`",
        "pandas.DataFrame().iteritems": "`items`",
        "pandas.DataFrame().ix": "`loc` or `iloc`",
        "pandas.Panel": "a frame with more levels",
        "pandas.datetime": "`datetime`",
        "pandas.util.testing.assert_frame_equal": "`pandas.testing`",
        "pandas.rolling_mean": "`rolling().mean()`",
        "flask.escape": "`markupsafe.escape`",
        "flask.Markup": "`markupsafe.Markup`",
        "flask.json.JSONEncoder": "a JSON provider",
        "django.utils.encoding.force_text": "`force_str`",
        "django.utils.encoding.smart_text": "`smart_str`",
        "django.utils.translation.ugettext": "`gettext`",
        "django.utils.translation.ugettext_lazy": "`gettext_lazy`",
        "django.conf.urls.url": "`django.urls.re_path`",
        "django.utils.http.is_safe_url": "`url_has_allowed_host_and_scheme`",
        "django.shortcuts.render_to_response": "`render`",
        "boto.connect_s3": "`boto3`",
        "botocore.vendored.requests.get": "`requests` or `urllib3`",
        "botocore.vendored.requests.post": "`requests` or `urllib3`",
        "tensorflow.Session": "eager execution",
        "tensorflow.placeholder": "arguments of functions",
        "sklearn.externals.joblib.load": "`joblib`",
        "sklearn.externals.joblib.dump": "`joblib`",
        "sqlalchemy.ext.declarative.declarative_base": "`sqlalchemy.orm.declarative_base`",
        "typing.re.match": "`re`",
    }

    def check(self, module: Module) -> Iterator[Finding]:
        yield from super().check(module)
        for node in module.nodes(*FUNCTIONS):
            for decorator in node.decorator_list:
                instead = self.table.get(module.qualified_name(decorator) or "")
                if instead:
                    yield self.finding(module, decorator, f"{self.summary} Use {instead}.")
        for call in module.method_calls(*TESTS):
            if _is_of_a_test_case(module, call):
                yield self.finding(module, call, f"{self.summary} Use `{TESTS[method(call)]}`.")

    @functools.cached_property
    def _words(self) -> frozenset[str]:
        return super()._words | frozenset(TESTS)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        name = (
            repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else None
        )
        new = RENAMED.get(name or "") or (
            TESTS.get(node.func.attr.value) if isinstance(node.func.value, cst.Name) else None
        )
        return node.with_changes(func=node.func.with_changes(attr=cst.Name(new))) if new else None


def _is_of_a_test_case(module: Module, call: ast.Call) -> bool:
    """Whether the method is called on ``self`` in a class that is a `unittest.TestCase` by its bases' names."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if not isinstance(owner, ast.Name) or owner.id != "self":
        return False
    around = next((one for one in module.ancestors(call) if isinstance(one, ast.ClassDef)), None)
    return around is not None and any(
        "TestCase" in (module.qualified_name(base) or "") for base in around.bases
    )
