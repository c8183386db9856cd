//! What the user may have meant.

/// The candidate that a misspelt name most likely stands for; `None` if none is near.
pub(super) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace('_', "-");
    let wrong = plain(name);
    candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&wrong, &plain(c)), *c))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, c)| *distance <= (wrong.chars().count().min(c.chars().count()) / 2).clamp(0, 3))
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_seen_through_and_strangers_are_not() {
        let known = ["mixture", "modern-hopfield", "sigma", "beta", "t", "data"];
        assert_eq!(nearest("mixtrue", &known), Some("mixture"));
        assert_eq!(nearest("Modern_Hopfield", &known), Some("modern-hopfield"));
        assert_eq!(nearest("simga", &known), Some("sigma"));
        assert_eq!(nearest("temperature", &known), None);
        assert_eq!(nearest("x", &known), None);
        assert_eq!(nearest("", &[]), None);
    }
}
