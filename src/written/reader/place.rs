//! Values and the places that state them.

use std::ops::Range;

/// A place: which file of the chain, which bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: usize,
    pub(crate) range: Range<usize>,
}

/// A value and the place that states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> At<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// An item of a list: stated, or an inherited one removed by `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item<T> {
    Add(T),
    Remove(String),
}
