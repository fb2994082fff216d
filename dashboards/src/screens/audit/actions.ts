// What was done, in words where there are some; the record's own name otherwise.
import { maybe } from "../../i18n";

export function actionText(action: string): string {
  return maybe(`act.${action}`) ?? action;
}
