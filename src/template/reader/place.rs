//! Values and the places that state them.

use std::ops::Range;

/// A place: which file of the chain, which bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::template) struct Span {
    pub(in crate::template) file: usize,
    pub(in crate::template) range: Range<usize>,
}

/// A value and the place that states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::template) struct At<T> {
    pub(in crate::template) value: T,
    pub(in crate::template) span: Span,
}

impl<T> At<T> {
    pub(in crate::template) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// An item of a list: stated, or an inherited one removed by `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::template) enum Item<T> {
    Add(T),
    Remove(String),
}
