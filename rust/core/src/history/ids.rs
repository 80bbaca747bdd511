//! Ascending trial ids, which mostly come one after the other.

/// Ascending ids: a range as long as none is missing, a list from then on.
#[derive(Debug, Clone)]
pub(crate) enum Ids {
    /// So many from the first on.
    Range(i64, usize),
    List(Vec<i64>),
}

impl Default for Ids {
    fn default() -> Self {
        Self::Range(0, 0)
    }
}

impl Ids {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(_, len) => *len,
            Self::List(ids) => ids.len(),
        }
    }

    /// The id at a position that there is.
    pub(crate) fn at(&self, at: usize) -> i64 {
        match self {
            Self::Range(first, _) => first.wrapping_add_unsigned(at as u64),
            Self::List(ids) => ids[at],
        }
    }

    /// Where an id is, or would be.
    pub(crate) fn find(&self, id: i64) -> Result<usize, usize> {
        match self {
            Self::Range(first, _) if id < *first => Err(0),
            Self::Range(first, len) => match usize::try_from(id.saturating_sub(*first)) {
                Ok(at) if at < *len => Ok(at),
                _ => Err(*len),
            },
            Self::List(ids) => match ids.last() {
                Some(&last) if id > last => Err(ids.len()),
                _ => ids.binary_search(&id),
            },
        }
    }

    /// Puts an id in where [`Self::find`] says that it would be.
    pub(crate) fn insert(&mut self, at: usize, id: i64) {
        match self {
            Self::Range(first, len) => {
                if *len == 0 {
                    *first = id;
                } else if at != *len || first.checked_add_unsigned(*len as u64) != Some(id) {
                    self.list().insert(at, id);
                    return;
                }
                *len += 1;
            }
            Self::List(ids) => ids.insert(at, id),
        }
    }

    /// Takes out the id at a position.
    pub(crate) fn remove(&mut self, at: usize) {
        match self {
            Self::Range(_, len) if at + 1 == *len => *len -= 1,
            _ => {
                self.list().remove(at);
            }
        }
    }

    fn list(&mut self) -> &mut Vec<i64> {
        if let Self::Range(first, len) = *self {
            *self = Self::List(
                (0..len)
                    .map(|at| first.wrapping_add_unsigned(at as u64))
                    .collect(),
            );
        }
        match self {
            Self::List(ids) => ids,
            Self::Range(..) => unreachable!("made a list above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::rng::Stream;

    #[test]
    fn it_holds_what_a_list_holds() {
        let mut stream = Stream::new(2, 2);
        for first in [-3, 0, i64::MAX - 60, i64::MIN] {
            let mut ids = Ids::default();
            let mut plain: Vec<i64> = Vec::new();
            for step in 0..400 {
                // At first in a row, with the last one going and coming back; then anywhere.
                let offset = if step < 50 {
                    plain.len() as u64 - u64::from(step % 5 == 4)
                } else {
                    stream.below(60)
                };
                let id = first.saturating_add_unsigned(offset);
                assert_eq!(ids.find(id), plain.binary_search(&id));
                match plain.binary_search(&id) {
                    Ok(at) => {
                        ids.remove(at);
                        plain.remove(at);
                    }
                    Err(at) => {
                        ids.insert(at, id);
                        plain.insert(at, id);
                    }
                }
                assert_eq!(ids.len(), plain.len());
                assert!((0..plain.len()).all(|at| ids.at(at) == plain[at]));
                assert!(step >= 50 || matches!(ids, Ids::Range(..)), "{step}");
                for far in [i64::MIN, i64::MAX] {
                    assert_eq!(ids.find(far), plain.binary_search(&far));
                }
            }
        }
    }
}
