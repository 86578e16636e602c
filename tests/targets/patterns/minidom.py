"""XML built with minidom: the problem, and its repair."""

import xml.dom.minidom
import xml.etree.ElementTree

TEXT = "<r>" + '<i a="1"><n>x</n></i>' * 200 + "</r>"


def wasteful():
    xml.dom.minidom.parseString(TEXT)


def repaired():
    xml.etree.ElementTree.fromstring(TEXT)
