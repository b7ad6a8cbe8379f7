//! What was probably meant by a word that nobody knows.

/// Returns the name that was probably meant.
pub(crate) fn nearest<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let scored = known.map(|name| (strsim::damerau_levenshtein(word, name), name));
    scored.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}
