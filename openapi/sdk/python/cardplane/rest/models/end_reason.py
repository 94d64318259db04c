from enum import StrEnum


class EndReason(StrEnum):
    END_EXITED = "exited"
    END_GUEST_OOM = "guest_oom"
    END_GUEST_PANIC = "guest_panic"
    END_OOM = "oom"
    END_SIGNALED = "signaled"
    END_START_FAILED = "start_failed"
    END_VMM_DIED = "vmm_died"
    END_VM_LOST = "vm_lost"

    def __str__(self) -> str:
        return str(self.value)
