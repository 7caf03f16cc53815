"""A page of docs/ whose blocks a lab runs as they stand."""

import re

import yaml

from . import paths


class Page:
    def __init__(self, name):
        self.text = (paths.REPOSITORY / "docs" / name).read_text()

    def block(self, language):
        """The page's only code block in that language."""
        return re.search(rf"^```{language}\n(.*?)^```$", self.text, re.M | re.S).group(1)

    def document(self, base):
        """The page's document, with the devices that the lab has for its ports."""
        page = yaml.safe_load(self.block("yaml"))
        for name, port in page["ports"].items():
            port["device"] = base["ports"][name]["device"]
        return page

    def run(self, node, programs=None):
        """The page's shell commands, all of them; `programs`: a folder in front of PATH. Returns the exit code."""
        path = f"PATH={programs}:$PATH\n" if programs else ""
        return node.run(["sh", "-ec", path + self.block("sh")], check=False).returncode
