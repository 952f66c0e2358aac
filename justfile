# What a maintainer types. Everything is a command that can be typed without just.

# all that must be true of a commit
ci:
    bash .ci/run

test *args:
    cargo test --workspace {{ args }}

# rewrite what the compile errors are expected to say; read the difference
ui:
    TRYBUILD=overwrite cargo test -p ui-tests

# random attributes, for longer than the tests do
fuzz runs="1000000":
    RXD_FUZZ_RUNS={{ runs }} cargo test --release -p rxd-macros fuzz

# two hundred services under everything at once, judged; a line a minute
soak time="4h":
    RXD_CHECK_INVARIANTS=always cargo bench -p rxd --all-features --bench soak -- {{ time }}

# the programs of the documents, built and run as a user does
outside:
    cd rxd/outside && cargo test

doc:
    cargo doc --workspace --all-features --no-deps --open

deny:
    cargo deny check   # cargo install --locked cargo-deny

# everything but the upload
release:
    cargo publish --dry-run -p rxd-macros -p rxd -p rxdctl
