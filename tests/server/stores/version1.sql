BEGIN TRANSACTION;
CREATE TABLE findings (
	id VARCHAR(64) NOT NULL, 
	group_id INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	frame TEXT NOT NULL, 
	started FLOAT NOT NULL, 
	ended FLOAT NOT NULL, 
	reason TEXT NOT NULL, 
	details TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(group_id) REFERENCES profiling_groups (id) ON DELETE CASCADE
);
INSERT INTO "findings" VALUES('ffffffffffffffffffffffffffffffff',1,'anomaly','m:a',1.0,2.0,'because','{"x": 1}');
CREATE TABLE frames (
	group_id INTEGER NOT NULL, 
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	file TEXT NOT NULL, 
	line INTEGER NOT NULL, 
	PRIMARY KEY (group_id, id), 
	FOREIGN KEY(group_id) REFERENCES profiling_groups (id) ON DELETE CASCADE
);
INSERT INTO "frames" VALUES(1,0,'m:a','app.py',7);
INSERT INTO "frames" VALUES(1,1,'m:b','app.py',7);
INSERT INTO "frames" VALUES(1,2,'m:c0','app.py',7);
INSERT INTO "frames" VALUES(1,3,'m:c1','app.py',7);
INSERT INTO "frames" VALUES(1,4,'m:c2','app.py',7);
CREATE TABLE label_sets (
	group_id INTEGER NOT NULL, 
	id INTEGER NOT NULL, 
	labels TEXT NOT NULL, 
	PRIMARY KEY (group_id, id), 
	FOREIGN KEY(group_id) REFERENCES profiling_groups (id) ON DELETE CASCADE
);
INSERT INTO "label_sets" VALUES(1,0,'[]');
INSERT INTO "label_sets" VALUES(1,1,'[["state", "running"]]');
CREATE TABLE meta (
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE nodes (
	group_id INTEGER NOT NULL, 
	id INTEGER NOT NULL, 
	parent INTEGER NOT NULL, 
	frame INTEGER NOT NULL, 
	line INTEGER NOT NULL, 
	PRIMARY KEY (group_id, id), 
	FOREIGN KEY(group_id) REFERENCES profiling_groups (id) ON DELETE CASCADE
);
INSERT INTO "nodes" VALUES(1,0,-1,0,0);
INSERT INTO "nodes" VALUES(1,1,0,1,0);
INSERT INTO "nodes" VALUES(1,2,0,2,0);
INSERT INTO "nodes" VALUES(1,3,0,3,0);
INSERT INTO "nodes" VALUES(1,4,0,4,0);
CREATE TABLE profiles (
	id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	token VARCHAR(255) NOT NULL, 
	source VARCHAR(32) NOT NULL, 
	started FLOAT NOT NULL, 
	ended FLOAT NOT NULL, 
	instance TEXT NOT NULL, 
	revision TEXT NOT NULL, 
	header TEXT NOT NULL, 
	samples BLOB NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (group_id, token), 
	FOREIGN KEY(group_id) REFERENCES profiling_groups (id) ON DELETE CASCADE
);
INSERT INTO "profiles" VALUES(1,1,'t0','kibitz',90.0,100.0,'i-0','r1','{"group": "", "instance": "i-0", "process_id": 0, "revision": "r1", "start_ns": 90000000000, "end_ns": 100000000000, "interval_ns": 0, "runtime": "", "agent_version": "", "sampler": "", "token": "", "process_cpu_ns": 0, "overhead": {"cpu_ns": 0, "memory_bytes": 0, "ticks": 0, "missed_ticks": 0, "dropped_samples": 0}, "host": {}, "limits": ["MaxStackDepth"], "value_types": [["samples", "count"], ["wall", "nanoseconds"], ["cpu", "nanoseconds"]]}',X'01030200000028B52FFD2040CD00005001010002140A000A05000600E018E00C2000F2AD50B8C010');
INSERT INTO "profiles" VALUES(2,1,'t1','kibitz',91.0,101.0,'i-1','r1','{"group": "", "instance": "i-1", "process_id": 0, "revision": "r1", "start_ns": 91000000000, "end_ns": 101000000000, "interval_ns": 0, "runtime": "", "agent_version": "", "sampler": "", "token": "", "process_cpu_ns": 0, "overhead": {"cpu_ns": 0, "memory_bytes": 0, "ticks": 0, "missed_ticks": 0, "dropped_samples": 0}, "host": {}, "limits": ["MaxStackDepth"], "value_types": [["samples", "count"], ["wall", "nanoseconds"], ["cpu", "nanoseconds"]]}',X'01030200000028B52FFD2040E5000068010200010100031E0A000F05000600E018E00C20B09217B4218021');
INSERT INTO "profiles" VALUES(3,1,'t2','kibitz',92.0,102.0,'i-0','r1','{"group": "", "instance": "i-0", "process_id": 0, "revision": "r1", "start_ns": 92000000000, "end_ns": 102000000000, "interval_ns": 0, "runtime": "", "agent_version": "", "sampler": "", "token": "", "process_cpu_ns": 0, "overhead": {"cpu_ns": 0, "memory_bytes": 0, "ticks": 0, "missed_ticks": 0, "dropped_samples": 0}, "host": {}, "limits": ["MaxStackDepth"], "value_types": [["samples", "count"], ["wall", "nanoseconds"], ["cpu", "nanoseconds"]]}',X'01030200000028B52FFD2040E500006801030001010004280A001405000600E018E00C20B09217B4218021');
CREATE TABLE profiling_groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	created FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "profiling_groups" VALUES(1,'shop',1.79542503444058728213e+09);
INSERT INTO "profiling_groups" VALUES(2,'empty',5.0);
CREATE INDEX profiles_by_time ON profiles (group_id, ended);
CREATE INDEX ix_findings_group_id ON findings (group_id);
COMMIT;
