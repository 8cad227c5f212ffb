//! The fuzzer's corpus as a plain test.
//!
//! `cargo +nightly fuzz run operations` looks for more; what it finds goes into the corpus.

use std::fs;
use std::path::Path;

use pagepool::driver::sim::{record_seed, recording};

#[test]
fn no_file_of_the_corpus_breaks_a_rule() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/operations");
    let mut files: Vec<_> = fs::read_dir(&corpus)
        .expect("the corpus is part of the sources")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 24, "only {} files are in the corpus", files.len());
    for file in files {
        let bytes = fs::read(&file).expect("a readable file");
        if let Err(violation) = recording::run(&bytes) {
            panic!("{} breaks a rule: {violation:?}", file.display());
        }
    }
}

/// Writes the corpus anew, from the first steps of simulated lives.
#[test]
#[ignore = "writes files: run it by name after the meaning of bytes has changed"]
fn write_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/operations");
    for seed in 0..48 {
        let mut operations = record_seed(seed);
        operations.truncate(40 + 10 * usize::try_from(seed).expect("a small number"));
        fs::write(
            corpus.join(format!("life-{seed:02}")),
            recording::encode(seed, &operations),
        )
        .expect("a writable file");
    }
}
