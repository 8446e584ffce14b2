//! Closed sets of values, and the words by which they are written.

/// The words by which a closed set of values is written in a template or a rule.
pub trait Choice: Copy + Sized + 'static {
    /// All values with their words.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str
    where
        Self: PartialEq,
    {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }
}
