-- When a warm pool was ended by an update, epoch seconds.
ALTER TABLE training_jobs ADD COLUMN pool_ended REAL;
