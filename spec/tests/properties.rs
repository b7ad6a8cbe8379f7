//! Whatever is in the files, loading gives an answer, and every span lies inside its file.

use adjutant_company::company;
use adjutant_spec::{files::FileSet, fmt::fmt, load};
use proptest::prelude::*;

fn assert_sound(files: &FileSet) {
    let loaded = load(files);
    for found in loaded.report.diagnostics() {
        let spans =
            found.related.iter().map(|other| (&other.file, &other.span)).chain([(&found.file, &found.span)]);
        for (file, span) in spans {
            let Some(span) = span else { continue };
            let length = files.get(file).map_or(0, |bytes| bytes.len());
            assert!(span.start <= span.end && span.end <= length, "{found:?} of {length} bytes");
        }
    }
    assert_eq!(loaded.report.to_json()["ok"], !loaded.report.has_errors());
    let _text = loaded.report.render();
}

/// Returns an example with some bytes of one file replaced.
fn mutated(example: &str, choice: (usize, usize, usize, Vec<u8>)) -> FileSet {
    let mut files = adjutant_company::example(example);
    let paths: Vec<String> = files.iter().map(|(path, _)| path.to_owned()).collect();
    let (file, at, cut, insert) = choice;
    let path = &paths[file % paths.len()];
    let mut bytes = files.get(path).expect("listed").to_vec();
    let at = at % (bytes.len() + 1);
    let end = (at + cut).min(bytes.len());
    bytes.splice(at..end, insert);
    files.insert(path.as_str(), bytes);
    files
}

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: [&str; 17] = [
        "\"",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "}}",
        "=",
        "\n",
        "[[step]]\n",
        "id = ",
        "ü",
        "'''",
        "\u{feff}",
        "\r",
        "-1",
        "{% if %}",
    ];
    prop_oneof![
        proptest::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for path in ["playbooks/a.toml", "records/a.json", "templates/a.md", "adjutant.toml"] {
            let mut files = company(&[]);
            files.insert(path, bytes.clone());
            assert_sound(&files);
        }
    }

    #[test]
    fn mutated_examples_never_panic(
        file in any::<usize>(), at in any::<usize>(), cut in 0..20usize, insert in fragment(), agency in any::<bool>(),
    ) {
        let example = if agency { "agency" } else { "hello" };
        assert_sound(&mutated(example, (file, at, cut, insert)));
    }

    #[test]
    fn formatting_is_idempotent_and_keeps_what_is_said(
        file in any::<usize>(), at in any::<usize>(), cut in 0..20usize, insert in fragment(),
    ) {
        let files = mutated("agency", (file, at, cut, insert));
        for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".toml")) {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            if let Ok(once) = fmt(text) {
                prop_assert_eq!(fmt(&once), Ok(once), "{}", path);
            }
        }
    }
}

#[test]
fn the_examples_are_in_canonical_form() {
    for example in adjutant_company::examples() {
        for (path, bytes) in
            adjutant_company::example(&example).iter().filter(|(path, _)| path.ends_with(".toml"))
        {
            let text = std::str::from_utf8(bytes).expect("UTF-8");
            assert_eq!(fmt(text).as_deref(), Ok(text), "{example}/{path}");
        }
    }
}
