-- The kind of PSA that syncs found out, for connections of which nobody said it.
ALTER TABLE connection
    ADD learned_psa_type smallint NOT NULL DEFAULT 0, -- docbridge.v1.PsaType; 0: not known
    ADD psa_probed_time timestamptz;                  -- when it was last looked for, to the end
