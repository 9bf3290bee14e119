/**
 * The settings that archiving, base backups and their connections depend on. Only these are asked for and only these alarm:
 * a work_mem that waits for a reload is nobody's backup.
 * @see https://www.postgresql.org/docs/current/runtime-config-wal.html
 */
export const RELEVANT_SETTINGS = [
  'allow_alter_system',
  'archive_command',
  'archive_library',
  'archive_mode',
  'archive_timeout',
  'config_file',
  'data_directory',
  'fsync',
  'full_page_writes',
  'hba_file',
  'hot_standby',
  'listen_addresses',
  'log_destination',
  'log_directory',
  'log_filename',
  'logging_collector',
  'max_replication_slots',
  'max_slot_wal_keep_size',
  'max_wal_senders',
  'max_wal_size',
  'password_encryption',
  'port',
  'restore_command',
  'server_version',
  'ssl',
  'summarize_wal',
  'syslog_ident',
  'unix_socket_directories',
  'wal_keep_segments',
  'wal_keep_size',
  'wal_level',
  'wal_segment_size',
] as const
