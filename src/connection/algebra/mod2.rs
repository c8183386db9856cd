//! Column reduction over Z/2, for ranks and for persistence.

/// For each column the row of its lowest one (the last) after columns from the left were added until all those
/// rows differ; `None` if nothing is left of it. Columns hold the rows of their ones, rising. A column for
/// which `known_zero` holds is not looked at.
///
/// This is the standard algorithm of persistence (Edelsbrunner and Harer, "Computational Topology", 2010, section VII.1).
pub(super) fn reduce(
    rows: usize,
    columns: Vec<Vec<usize>>,
    known_zero: impl Fn(usize) -> bool,
) -> Vec<Option<usize>> {
    let mut owner: Vec<Option<usize>> = vec![None; rows];
    let mut reduced: Vec<Vec<usize>> = Vec::with_capacity(columns.len());
    for (j, mut column) in columns.into_iter().enumerate() {
        if known_zero(j) {
            column.clear();
        }
        while let Some(&low) = column.last() {
            let Some(left) = owner[low] else {
                owner[low] = Some(j);
                break;
            };
            column = sum(&column, &reduced[left]);
        }
        reduced.push(column);
    }
    reduced.into_iter().map(|column| column.last().copied()).collect()
}

/// The rows that are in one of the two but not in both.
fn sum(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => {
                out.push(a[i]);
                i += 1;
            }
            std::cmp::Ordering::Greater => {
                out.push(b[j]);
                j += 1;
            }
            std::cmp::Ordering::Equal => {
                i += 1;
                j += 1;
            }
        }
    }
    out.extend_from_slice(&a[i..]);
    out.extend_from_slice(&b[j..]);
    out
}
