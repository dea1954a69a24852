"""Lints template.yaml as CloudFormation gets it.

`sam validate --lint` checks the template before SAM's transform and passes wrong values of an AWS::Serverless::Function
(an unknown Runtime or InvokeMode). So: transform first, then cfn-lint the result. Needs the environment that aws-sam-cli
is installed in; asks nobody anything.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
REGION = "us-east-1"


class NoManagedPolicies:
    """What SAM asks for the ARNs of managed policies; the template names none."""

    def load(self):
        return {}


def main() -> int:
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = yaml_parse(TEMPLATE.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # What `sam package` puts in the place of a folder.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    transformed = transform(template, {}, NoManagedPolicies())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(transformed, file)
        file.flush()
        lint = Path(sys.executable).with_name("cfn-lint")
        return subprocess.run([lint, "--regions", REGION, "--", file.name], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
