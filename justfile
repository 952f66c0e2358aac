# Shortcuts for maintainers. Each is a command that also works without just.

# every check that a commit must pass
ci:
    bash .ci/run

test *args:
    cargo test --workspace {{ args }}

# rewrite the expected compile errors; read the diff afterwards
ui:
    TRYBUILD=overwrite cargo test -p ui-tests

# random attributes, for longer than in the tests
fuzz runs="1000000":
    RXD_FUZZ_RUNS={{ runs }} cargo test --release -p rxd-macros fuzz

# two hundred services under every kind of load at once, with the invariants checked; a line a minute
soak time="4h":
    RXD_CHECK_INVARIANTS=always cargo bench -p rxd --all-features --bench soak -- {{ time }}

# the programs of the documents, built and run as a user would
outside:
    cd rxd/outside && cargo test

doc:
    cargo doc --workspace --all-features --no-deps --open

deny:
    cargo deny check   # cargo install --locked cargo-deny

# everything of a release except the upload
release:
    cargo publish --dry-run -p rxd-macros -p rxd -p rxdctl
