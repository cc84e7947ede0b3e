"""The other side: synthetic mammograms, and the real programs that send, receive and archive them.

from tests.peers.synthetic import write_study
from tests.peers.orthanc import running_orthanc
from tests.peers import dcmtk
"""
