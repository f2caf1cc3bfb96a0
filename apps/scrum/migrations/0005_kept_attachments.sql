-- An attachment that was deleted by itself, under the number that it had; null: it went with its item.
alter table deleted_attachments add column attachment_id integer;
create index deleted_attachments_own on deleted_attachments (attachment_id) where attachment_id is not null;
