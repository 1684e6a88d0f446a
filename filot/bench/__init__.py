"""The whole way of a document, measured against its own engine and a bare view: what `bench_pipeline` stands on."""
