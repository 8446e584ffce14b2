//! Putting lists into order with little code.
//!
//! The standard library's sort is some 7 KB of machine code for each type of item, and the verifier
//! that instances carry has to be small. Here places are sorted, by one piece of code for all types,
//! and items then moved. It takes more memory and time than sorting in place: for lists that are
//! short, or sorted once.

use std::cmp::Ordering;

/// Puts a list into order; items that are equal stay in theirs.
pub fn sort_by<Item>(list: &mut Vec<Item>, mut compare: impl FnMut(&Item, &Item) -> Ordering) {
    let mut places: Vec<usize> = (0..list.len()).collect();
    sort_places(&mut places, &mut |a, b| {
        let items = list.get(a).zip(list.get(b));
        items.map_or(Ordering::Equal, |(a, b)| compare(a, b))
    });
    let mut items: Vec<Option<Item>> = std::mem::take(list).into_iter().map(Some).collect();
    let in_order = places.into_iter();
    list.extend(in_order.filter_map(|place| items.get_mut(place)?.take()));
}

/// Puts a list into its items' own order.
pub fn sort<Item: Ord>(list: &mut Vec<Item>) {
    sort_by(list, Ord::cmp);
}

#[inline(never)]
fn sort_places(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_library_does() {
        let mut state = 7_u32;
        for length in [0, 1, 2, 3, 10, 100, 1000] {
            let items = (0..length).map(|number| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 28, number)
            });
            let mut ours: Vec<(u32, i32)> = items.collect();
            let mut theirs = ours.clone();
            sort_by(&mut ours, |a, b| a.0.cmp(&b.0));
            theirs.sort_by_key(|item| item.0);
            assert_eq!(ours, theirs);
            ours.reverse();
            sort(&mut ours);
            theirs.sort_unstable();
            assert_eq!(ours, theirs);
        }
    }
}
