//! How RocksDB is set up: little memory, no work while idle, nothing forgiven in the write-ahead log.

use adjutant_machine::journal::JournalError;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    LogLevel, Options as Settings, SliceTransform, WriteBufferManager,
};

use super::keys::{self, Family};

/// Called once, with the reason, when a write failed: the process must end. From the writer's thread, so it must not block.
pub type OnFailure = Box<dyn Fn(&JournalError) + Send + Sync>;

/// What the owner of the store may choose.
pub struct Options {
    /// How many batches may wait for the writer before `submit` blocks.
    pub queue: usize,
    /// Bytes kept free for recovery on a full disk; 0 keeps none.
    pub reserve: u64,
    /// Bytes of blocks held in memory.
    pub cache: usize,
    /// Bytes of recent writes held in memory, over all families.
    pub memtables: usize,
    /// Called when the store stops for good.
    pub on_failure: Option<OnFailure>,
}

impl Default for Options {
    /// The daemon's budget is 50 MB resident while idle: cache and memtables take at most 32 MiB of it.
    fn default() -> Self {
        Self { queue: 1024, reserve: 4 << 20, cache: 16 << 20, memtables: 16 << 20, on_failure: None }
    }
}

/// Payloads over this length leave the log and state families, so that compaction does not copy them again and again.
pub(super) const INLINE: usize = 16 << 10;

/// Logs are dropped when they hold more, so recovery reads at most so much.
const WAL_BYTES: u64 = 48 << 20;

/// Returns each family with its settings.
pub(super) fn families(options: &Options) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.cache);
    Family::ALL.map(|of| ColumnFamilyDescriptor::new(of.name(), family(of, &cache))).into()
}

/// Returns the settings of the whole store.
pub(super) fn settings(options: &Options) -> Settings {
    let mut settings = Settings::default();
    settings
        .set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager(options.memtables, false));
    // Only an incomplete last record is forgiven. The default would silently drop every acknowledged record after the
    // first bad byte. Recycled logs are impossible in this mode; the price is one more I/O for each sync.
    settings.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    settings.set_max_total_wal_size(WAL_BYTES);
    settings.set_paranoid_checks(true);
    settings.set_track_and_verify_wals_in_manifest(true);
    settings.set_max_background_jobs(2);
    settings.set_max_open_files(256);
    settings.set_keep_log_file_num(2);
    settings.set_log_level(LogLevel::Warn);
    settings.set_stats_dump_period_sec(0);
    settings.set_stats_persist_period_sec(0);
    settings.set_skip_stats_update_on_db_open(true);
    settings
}

fn family(of: Family, cache: &Cache) -> Settings {
    let mut settings = Settings::default();
    settings.set_block_based_table_factory(&table(cache));
    settings.set_compression_type(DBCompressionType::Lz4);
    settings.set_write_buffer_size(8 << 20);
    settings.set_level_compaction_dynamic_level_bytes(true);
    // Each new run is asked about, and is not there: that is answered without a walk through what was written lately.
    settings.set_memtable_whole_key_filtering(true);
    settings.set_memtable_prefix_bloom_ratio(0.02);
    match of {
        Family::Log => {
            let instance =
                SliceTransform::create("adjutant.instance.1", keys::entry_prefix, Some(keys::is_entry));
            settings.set_prefix_extractor(instance);
        }
        Family::Blobs => {
            settings.set_enable_blob_files(true);
            settings.set_min_blob_size(INLINE as u64);
            settings.set_blob_compression_type(DBCompressionType::Lz4);
            settings.set_enable_blob_gc(true);
        }
        Family::Meta | Family::State | Family::Queue | Family::Index => {}
    }
    settings
}

fn table(cache: &Cache) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    table.set_cache_index_and_filter_blocks(true);
    // Whole indexes are larger than the cache: behind a backlog each read of a run read one, unpacked it and dropped it again.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(4 << 10);
    table.set_pin_top_level_index_and_filter(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);
    table
}
