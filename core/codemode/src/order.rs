//! Sorting, compiled once: each kind of item that the standard library sorts brings some kilobytes of WebAssembly.

use std::cmp::Ordering;

/// `items` in order. Equal ones stay as they were.
pub(crate) fn sorted<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = order(items.len(), &|a, b| compare(&items[a], &items[b]));
    let mut slots: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| slots[at].take()).collect()
}

/// The numbers below `count` in order. Equal ones stay as they were.
pub(crate) fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_and_equal_ones_as_they_were() {
        let items = vec![("b", 1), ("a", 2), ("b", 0), ("a", 1)];
        assert_eq!(sorted(items, |a, b| a.0.cmp(b.0)), [("a", 2), ("a", 1), ("b", 1), ("b", 0)]);
        assert_eq!(order(0, &|_, _| Ordering::Equal), [0; 0]);
    }
}
