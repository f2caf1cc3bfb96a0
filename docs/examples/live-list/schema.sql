CREATE TABLE IF NOT EXISTS todos (id serial PRIMARY KEY, list_id int NOT NULL, title text NOT NULL);
ALTER TABLE todos REPLICA IDENTITY FULL; -- so that a change tells which list the row was in
