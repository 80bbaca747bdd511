//! A sorted set of keys whose neighbours are found quickly.

use crate::numeric::ordered::Key;

/// A chunk of this many keys is split: small enough that moving half of it costs little.
const MAX_CHUNK: usize = 256;

/// Up to two keys before and two after a place, nearest first.
pub(crate) type Around = ([Option<Key>; 2], [Option<Key>; 2]);

/// Keys in ascending order, in chunks; no chunk is empty.
///
/// One search finds a key and, next to it in memory, its neighbours, which is what bandwidths are
/// made of; a tree needs a search for each side.
#[derive(Debug, Clone, Default)]
pub(crate) struct SortedKeys {
    chunks: Vec<Vec<Key>>,
    /// The last key of each chunk.
    lasts: Vec<Key>,
    len: usize,
}

impl FromIterator<Key> for SortedKeys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut keys: Vec<Key> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let chunks: Vec<Vec<Key>> = keys.chunks(MAX_CHUNK / 2).map(<[Key]>::to_vec).collect();
        Self {
            lasts: chunks.iter().map(|chunk| chunk[chunk.len() - 1]).collect(),
            len: keys.len(),
            chunks,
        }
    }
}

impl SortedKeys {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<Key> {
        self.chunks.first().map(|chunk| chunk[0])
    }

    pub(crate) fn last(&self) -> Option<Key> {
        self.lasts.last().copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Key> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// Chunk and position of the first key that is not less; past the last chunk if all are.
    fn find(&self, key: Key) -> (usize, usize) {
        let chunk = self.lasts.partition_point(|last| *last < key);
        let at = self
            .chunks
            .get(chunk)
            .map_or(0, |keys| keys.partition_point(|k| *k < key));
        (chunk, at)
    }

    /// Puts a key in; returns its neighbours as [`Self::around`] does.
    pub(crate) fn insert(&mut self, key: Key) -> Around {
        let (mut chunk, mut at) = self.find(key);
        let around = self.around_at(key, chunk, at);
        if chunk == self.chunks.len() {
            // Greater than all: the last chunk grows.
            let Some(last) = self.chunks.last() else {
                self.chunks.push(vec![key]);
                self.lasts.push(key);
                self.len = 1;
                return around;
            };
            (chunk, at) = (chunk - 1, last.len());
        }
        let keys = &mut self.chunks[chunk];
        if keys.get(at) == Some(&key) {
            return around;
        }
        keys.insert(at, key);
        self.lasts[chunk] = keys[keys.len() - 1];
        self.len += 1;
        if keys.len() > MAX_CHUNK {
            let right = keys.split_off(MAX_CHUNK / 2);
            self.lasts[chunk] = keys[keys.len() - 1];
            self.lasts.insert(chunk + 1, right[right.len() - 1]);
            self.chunks.insert(chunk + 1, right);
        }
        around
    }

    /// Takes a key out; returns its neighbours as [`Self::around`] does.
    pub(crate) fn remove(&mut self, key: Key) -> Around {
        let (chunk, at) = self.find(key);
        let around = self.around_at(key, chunk, at);
        let Some(keys) = self.chunks.get_mut(chunk) else {
            return around;
        };
        if keys.get(at) != Some(&key) {
            return around;
        }
        keys.remove(at);
        self.len -= 1;
        if let Some(&last) = keys.last() {
            self.lasts[chunk] = last;
        } else {
            self.chunks.remove(chunk);
            self.lasts.remove(chunk);
        }
        around
    }

    /// Up to two neighbours on either side of a key that may itself be there, nearest first.
    pub(crate) fn around(&self, key: Key) -> Around {
        let (chunk, at) = self.find(key);
        self.around_at(key, chunk, at)
    }

    fn around_at(&self, key: Key, chunk: usize, at: usize) -> Around {
        let is_there = self.chunks.get(chunk).is_some_and(|keys| keys[at] == key);
        let before = self.before(chunk, at);
        let after = self.from(chunk, at + usize::from(is_there));
        let key_at = |place: Option<(usize, usize)>| place.map(|(c, k)| self.chunks[c][k]);
        (
            [
                key_at(before),
                key_at(before.and_then(|(c, k)| self.before(c, k))),
            ],
            [
                key_at(after),
                key_at(after.and_then(|(c, k)| self.from(c, k + 1))),
            ],
        )
    }

    fn before(&self, chunk: usize, at: usize) -> Option<(usize, usize)> {
        if at > 0 {
            Some((chunk, at - 1))
        } else {
            let chunk = chunk.checked_sub(1)?;
            Some((chunk, self.chunks[chunk].len() - 1))
        }
    }

    fn from(&self, chunk: usize, at: usize) -> Option<(usize, usize)> {
        let keys = self.chunks.get(chunk)?;
        if at < keys.len() {
            Some((chunk, at))
        } else {
            (chunk + 1 < self.chunks.len()).then_some((chunk + 1, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::numeric::rng::Stream;

    #[test]
    fn it_holds_what_a_tree_holds() {
        let mut stream = Stream::new(5, 5);
        let mut tree = BTreeSet::new();
        let mut sorted = SortedKeys::default();
        for round in 0..20_000 {
            // Few places, so that keys come again and chunks run empty.
            let (place, tid) = (stream.below(700), stream.below(3));
            let key = Key::new(place as f64, tid.cast_signed());
            let grows = (round / 4_000) % 2 == 0;
            if (stream.below(4) > 0) == grows {
                sorted.insert(key);
                tree.insert(key);
            } else {
                sorted.remove(key);
                tree.remove(&key);
            }
            let next = Key::new(key.value(), key.tid + 1);
            let left: Vec<Key> = tree.range(..key).rev().take(2).copied().collect();
            let right: Vec<Key> = tree.range(next..).take(2).copied().collect();
            let (before, after) = sorted.around(key);
            assert_eq!(before.into_iter().flatten().collect::<Vec<_>>(), left);
            assert_eq!(after.into_iter().flatten().collect::<Vec<_>>(), right);
            assert_eq!(sorted.len(), tree.len());
            assert_eq!(
                (sorted.first(), sorted.last()),
                (tree.first().copied(), tree.last().copied())
            );
        }
        assert!(sorted.iter().eq(tree.iter().copied()));
        let again: SortedKeys = tree.iter().copied().collect();
        assert!(again.iter().eq(tree.iter().copied()));
        for key in tree {
            sorted.remove(key);
        }
        assert_eq!((sorted.len(), sorted.chunks.len()), (0, 0));
    }
}
