//! Transcripts of the command line: `tests/cmd/*.md`. What changes on purpose is written anew by
//! `TRYCMD=overwrite cargo test --test it cli::`.

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .env("CI", "false")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .case("tests/cmd/*.md")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .expect("a plain placeholder");
}
