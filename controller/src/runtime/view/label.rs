//! Paths as people read them: a card says "lead email, from step qualify", not `steps.qualify.lead.email`.

/// Returns what a path is about, in words; what is no path of ours stays as it is.
#[must_use]
pub fn label(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        ["input", rest @ ..] if !rest.is_empty() => format!("{}, as it came in", words(rest)),
        ["steps", step, "text"] => format!("text of step {}", words(&[step])),
        ["steps", step] => format!("result of step {}", words(&[step])),
        ["steps", step, rest @ ..] => format!("{}, from step {}", words(rest), words(&[step])),
        _ => path.to_owned(),
    }
}

fn words(parts: &[&str]) -> String {
    parts.join(" ").replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_a_sentence() {
        let table = [
            ("input.message", "message, as it came in"),
            ("steps.quote.text", "text of step quote"),
            ("steps.qualify.lead.email", "lead email, from step qualify"),
            ("steps.follow-up", "result of step follow up"),
            ("subject", "subject"),
            ("input", "input"),
        ];
        for (path, words) in table {
            assert_eq!(label(path), words, "{path}");
        }
    }
}
