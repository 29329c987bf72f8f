import subprocess
import sys


def test_pictures_need_no_network_library():
    code = (
        "import sys, keras_dip.images; "
        "print(sorted({'keras', 'tensorflow', 'onnxruntime'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
