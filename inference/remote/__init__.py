"""The network evaluated elsewhere, over the Open Inference Protocol (KServe V2, gRPC); needs the extra `remote`."""
