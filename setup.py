"""What pyproject.toml cannot say: one file goes to the top of site-packages, where the interpreter looks for it."""

from pathlib import Path

from setuptools import setup  # before distutils, which it brings

from distutils.command.install_data import install_data  # isort: skip

AUTOSTART = "kibitz-autostart.pth"


class InstallAutostart(install_data):
    """Beside the packages, not in the data folder; so for editable installs too, which have no other files there."""

    def run(self) -> None:
        folder = self.get_finalized_command("install").install_lib
        self.mkpath(folder)
        target, _ = self.copy_file(AUTOSTART, str(Path(folder, AUTOSTART)))
        self.outfiles.append(target)


setup(data_files=[("", [AUTOSTART])], cmdclass={"install_data": InstallAutostart})
