-- Managed spot capacity that is taken away: {"host": name or null, "back": epoch seconds}.
ALTER TABLE training_jobs ADD COLUMN interruption TEXT;
