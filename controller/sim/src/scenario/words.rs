//! Words for people: how long after the beginning, what a value looks like in a file.

use serde_json::Value;

/// Returns how long something is after the beginning: `+3d 2h`, `+45s`.
#[must_use]
pub fn since(millis: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let mut left = millis.max(0);
    let mut parts = Vec::new();
    for (unit, size) in units {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    // Two units say enough: nobody counts the seconds of a day.
    parts.truncate(2);
    if parts.is_empty() { "+0s".to_owned() } else { format!("+{}", parts.join(" ")) }
}

/// Returns a value as it is written in a file, on one line.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{} = {}", key(name), written(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

/// The longest that a value is told.
const LONGEST: usize = 120;

/// Returns a value for a sentence, cut where it is long.
pub(super) fn told(value: &Value) -> String {
    let text = written(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_are_told_in_two_units() {
        let told = [0, 999, 45_000, 7_260_000, 266_400_000 + 5_000].map(since);
        assert_eq!(told, ["+0s", "+0s", "+45s", "+2h 1m", "+3d 2h"]);
    }

    #[test]
    fn a_value_is_written_as_in_a_file() {
        let value = json!({ "a b": [1, "x"], "c": { "d": true }, "e": {} });
        assert_eq!(written(&value), "{ \"a b\" = [1, \"x\"], c = { d = true }, e = {} }");
    }
}
